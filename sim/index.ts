export { runProgram, type RunClock, type RunOptions, type RunResult } from "./run-program.ts"
