/*
 * What a program of your own imports:
 *
 *     import { startResident } from "handover"   // first: it boots the bank before your own top-level code
 *     // ... your program ...
 *     await startResident()
 *
 * Only what a program uses is in its image.
 */
export { migrate, onActivate, persist, saveState, startResident, withNetwork } from "./resident"
export type { Activation, Migration } from "./resident"
export { Updater } from "./updater"
export type { Reconfiguration } from "./updater"
export { onMetric } from "./metrics"
export type { Metric } from "./metrics"
