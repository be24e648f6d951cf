/**
 * A turn of the event loop: long work lets others be answered in between. An embedded database is read without waiting, so one
 * page after the other would keep the devices from it.
 */
export { setImmediate as turn } from "node:timers/promises"
