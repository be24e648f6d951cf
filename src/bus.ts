/*
 * The updater on the Jacdac bus, for a program of your own:
 *
 *     import { startBootloaderServer } from "handover/src/bus"
 *
 * Needs the service's description in the project: `handover init` copies it to services/.
 */
export { startBootloaderServer } from "./dfu/bootloader-server"
export { BusUpdater } from "./dfu/bootloader-client"
