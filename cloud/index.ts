export type { Cloud, CloudOptions, Timings } from "./options.ts"
export { startCloud } from "./start.ts"
