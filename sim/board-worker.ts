import { parentPort, workerData } from "node:worker_threads"
import { BoardMachine } from "./board-machine.ts"
import type { BoardCommand, BoardReport, BoardSetup } from "./board-messages.ts"

/** Worker entry of a virtual board. */
const report = (message: BoardReport) => parentPort?.postMessage(message)
const machine = new BoardMachine(workerData as BoardSetup, report)

async function answer(id: number, action: () => unknown) {
    try {
        report({ kind: "reply", id, value: (await action()) as undefined })
    } catch (e) {
        report({ kind: "reply", id, error: e instanceof Error ? e.message : String(e) })
    }
}

parentPort?.on("message", (command: BoardCommand) => {
    switch (command.kind) {
        case "powerOn":
            return answer(command.id, () => machine.powerOn(command.program))
        case "powerOff":
            return answer(command.id, () => machine.powerOff())
        case "deploy":
            return answer(command.id, () => machine.deploy(command.program))
        case "heap":
            return answer(command.id, () => machine.heap())
        case "frame":
            return machine.receiveFrame(command.bytes)
        case "network":
            return machine.setNetwork(command.faults)
        case "watch":
            machine.watchFrames = command.frames
    }
})
