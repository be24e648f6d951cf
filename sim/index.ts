/** Virtual boards: the stock DeviceScript VM with a flash, a network and a serial log that can be made to fail. */
export { Board, type BoardOptions, createBoard } from "./board.ts"
export { BoardFlash, type TornOperation } from "./board-flash.ts"
export type { BoardEvent } from "./board-messages.ts"
export { type Bus, connectBus } from "./bus.ts"
export { type Chip, type ChipName, CHIPS, PAGE_BYTES, SECTOR_BYTES } from "./chips.ts"
export type { HeapStats } from "./heap.ts"
export type { LogLine } from "./log-lines.ts"
export type { ConnectionEnd, NetworkEvent, NetworkFaults, NetworkStats, Range } from "./network-faults.ts"
export { type FlashOperation, type FlashTiming, TYPICAL_TIMING } from "./nor-flash.ts"
export { type RunClock, type RunOptions, type RunResult, runProgram } from "./run-program.ts"
export { SeededRandom } from "./seeded-random.ts"
export {
    bankBytes,
    emptyFlash,
    readProgram,
    readSetting,
    readSettingsLog,
    type SettingsEntry,
    type SettingsLog,
    type SettingValue,
    writeSettings,
} from "./settings-log.ts"
export { ProtocolBoard, type ProtocolBoardOptions } from "./fleet/protocol-board.ts"
