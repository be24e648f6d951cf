// The first import boots the bank, before the top-level code of the app.
import "./bootloader/boot"
import { startActor } from "./dfu/actor"

export { withNetwork } from "./dfu/socket-lease"

/** Starts the updater. The configuration comes from settings, see `dfu/config.ts`. */
export async function startResident() {
    startActor()
}
