/**
 * Only WebAssembly functions can go into a function table, so a host function takes a detour through a module of its
 * own that imports it and exports it again. Built once per parameter count.
 */
const modules = new Map<number, WebAssembly.Module>()

function passThroughModule(parameterCount: number): WebAssembly.Module {
    let module = modules.get(parameterCount)
    if (!module) {
        const type = [1, 0x60, parameterCount, ...Array(parameterCount).fill(0x7f), 0]
        module = new WebAssembly.Module(
            Uint8Array.from([
                ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
                ...[1, type.length, ...type],
                ...[2, 7, 1, 1, 0x65, 1, 0x66, 0, 0], // import "e" "f", function of type 0
                ...[7, 5, 1, 1, 0x66, 0, 0], // export it as "f"
            ]),
        )
        modules.set(parameterCount, module)
    }
    return module
}

/** The host function as a WebAssembly function `(i32 × parameterCount) → ()`. */
export function asWasmFunction(parameterCount: number, fn: (...args: number[]) => void): unknown {
    return new WebAssembly.Instance(passThroughModule(parameterCount), { e: { f: fn } }).exports.f
}
