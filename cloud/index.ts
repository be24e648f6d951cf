export type { Cloud, CloudOptions, Timings } from "./options.ts"
export { optionsFromEnvironment } from "./environment.ts"
export { startCloud } from "./start.ts"
