import { readFileSync } from "node:fs"
import { createRequire } from "node:module"

/** The stock VM as it lies in the DeviceScript command line tool: the JavaScript around it, and the WebAssembly itself. */
export interface VmSource {
    /** Text of the module `runtime/devicescript-vm/built/devicescript-vm.js`, without the base64 of the binary. */
    glue: string
    wasm: Uint8Array<ArrayBuffer>
}

const MODULE_START = "var require_devicescript_vm = __commonJS({"
const NEXT_MODULE = "= __commonJS({"
const DATA_URI = "data:application/octet-stream;base64,"

/**
 * Takes the VM out of the installed `@devicescript/cli`.
 *
 * The bundle is 28 MB, of which the VM is 0.4 MB: a byte search finds it in about 20 ms, while loading the bundle as
 * a program takes more than a second. Throws when the bundle is not laid out as in 2.16.x.
 */
export function readVmSource(): VmSource {
    const file = createRequire(import.meta.url).resolve("@devicescript/cli/built/devicescript-cli.cjs")
    const bundle = readFileSync(file)
    const start = bundle.indexOf(MODULE_START)
    const end = start < 0 ? -1 : bundle.indexOf(NEXT_MODULE, start + MODULE_START.length)
    if (start < 0 || end < 0) throw new Error(`SIM_VM_NOT_FOUND: no DeviceScript VM in ${file}; install @devicescript/cli 2.16.4`)
    const text = bundle.toString("utf8", start, bundle.lastIndexOf("\nvar ", end))

    const dataStart = text.indexOf(`${DATA_URI}AGFzb`)
    const dataEnd = text.indexOf('"', dataStart)
    if (dataStart < 0) throw new Error(`SIM_VM_NOT_FOUND: no WebAssembly in the VM module of ${file}`)
    const wasm = Uint8Array.from(Buffer.from(text.slice(dataStart + DATA_URI.length, dataEnd), "base64"))

    const body = text.slice(0, dataStart) + text.slice(dataEnd)
    const functionStart = body.indexOf("(exports, module2) {")
    return { glue: body.slice(body.indexOf("{", functionStart) + 1, body.lastIndexOf("}", body.lastIndexOf("});") - 1)), wasm }
}
