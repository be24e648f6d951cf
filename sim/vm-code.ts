import { readVmSource } from "./vm-source.ts"
import { rewriteWasm } from "./wasm-rewrite.ts"

/** The VM, compiled and ready to start any number of instances; can be sent to a worker thread. */
export interface VmCode {
    glue: string
    module: WebAssembly.Module
    /** Slots of the function table where an instance's flash hooks go. */
    programSlot: number
    eraseSlot: number
}

/** Internal functions of the VM that the simulator calls from outside. */
const EXPORTED = ["flash_base_addr", "devsmgr_get_ctx"]

let code: VmCode | undefined

/** Reads and compiles the VM once in a process (about 50 ms). */
export function vmCode(): VmCode {
    if (!code) {
        const source = readVmSource()
        const rewritten = rewriteWasm(
            source.wasm,
            [
                { functionName: "flash_program", parameterCount: 3 },
                { functionName: "flash_erase", parameterCount: 1 },
            ],
            EXPORTED,
        )
        const [programSlot, eraseSlot] = rewritten.slots
        code = { glue: source.glue, module: new WebAssembly.Module(rewritten.wasm), programSlot, eraseSlot }
    }
    return code
}
