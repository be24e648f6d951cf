/** The part of the WebAssembly API that the simulator uses; TypeScript declares it only with the browser's library. */
declare namespace WebAssembly {
    type Exports = Record<string, unknown>
    type Imports = Record<string, Record<string, unknown>>

    class Module {
        constructor(bytes: Uint8Array)
        private readonly _brand
    }
    class Instance {
        constructor(module: Module, imports?: Imports)
        readonly exports: Exports
    }
    interface Memory {
        readonly buffer: ArrayBuffer
    }
    interface Table {
        set(index: number, value: unknown): void
    }
    class RuntimeError extends Error {}
}
