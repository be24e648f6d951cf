import { createRequire } from "node:module"
import { randomFillSync } from "node:crypto"
import { asWasmFunction } from "./hook-functions.ts"
import type { VmCode } from "./vm-code.ts"

/** Everything that the VM gets from the hardware around it. */
export interface VmHost {
    /** Monotonic milliseconds, with fractions. The VM's own `millis` starts near 0 at its first look. */
    nowMs(): number
    /** A line of the serial log. */
    line(text: string): void
    /** The program stopped: 0 for `ds.restart()`, else the panic code. The VM itself goes on. */
    panic(code: number): void
    sendFrame(frame: Uint8Array): void
    flash: VmFlash
    socket?: VmSocket
    /** Fills the buffer with random bytes; the operating system's when missing. */
    random?(buffer: Uint8Array): void
}

/** Called BEFORE the VM changes its own copy of the flash; a throw ends the instance there (a power cut). */
export interface VmFlash {
    readonly sizeBytes: number
    read(): Uint8Array
    program(offset: number, bytes: Uint8Array): void
    erase(offset: number): void
    /** The VM asked to make its writes durable; `contents` is what it believes is in flash. */
    sync?(contents: Uint8Array): void
}

export type SocketEvent = { kind: "open" | "close" } | { kind: "message"; bytes: Uint8Array } | { kind: "error"; message: string }

export interface VmSocket {
    open(host: string, port: number, tls: boolean, onEvent: (event: SocketEvent) => void): void
    /** 0 or a negative error code. */
    write(bytes: Uint8Array): number
    close(): number
}

export interface Vm {
    /** Runs until the VM has nothing to do; returns how many microseconds it wants to sleep. */
    process(): number
    /** Writes a program to flash, as over USB. 0, or a negative (store) or positive (verifier) error code. */
    deploy(program: Uint8Array): number
    handleFrame(frame: Uint8Array): void
    readonly memory: DataView
    /** Address of the running program's context, 0 when none runs. */
    contextAddress(): number
}

/** The VM reset the chip (`target_reset`): the instance is over, and a board would start again at once. */
export class ChipReset extends Error {}

export interface VmOptions {
    deviceId: string
    gcStress?: boolean
}

interface GlueModule {
    HEAPU8: Uint8Array
    _malloc(size: number): number
    _free(ptr: number): void
    _jd_em_init(): void
    _jd_em_process(): number
    _jd_em_set_device_id_string(ptr: number): void
    _jd_em_frame_received(ptr: number): number
    _jd_em_devs_deploy(ptr: number, size: number): number
    _jd_em_devs_enable_gc_stress(enabled: number): void
    _jd_em_tcpsock_on_event(event: number, ptr: number, size: number): void
}

type Glue = (options: object) => Promise<GlueModule>

const SOCKET_EVENT = { open: 1, close: 2, error: 3, message: 4 } as const
const NO_SOCKET = -10

let glue: Glue | undefined

function glueFactory(text: string): Glue {
    if (!glue) {
        // Its own `process` and `globalThis`, because Emscripten's start-up code leaves getters and exit codes behind.
        const shadowProcess = { ...process, versions: process.versions, release: process.release, argv: [], on() {}, exitCode: 0 }
        const module: { exports: unknown } = { exports: {} }
        const evaluate = new Function("exports", "module2", "require", "process", "globalThis", "__filename", "__dirname", text)
        evaluate(module.exports, module, createRequire(import.meta.url), shadowProcess, {}, "", "")
        glue = module.exports as Glue
    }
    return glue
}

/**
 * Starts a new instance of the VM: what power-on is to a board.
 * The only code between the stock VM and the host are the two flash hooks; the rest goes through its own imports.
 */
export async function startVm(code: VmCode, options: VmOptions, host: VmHost): Promise<Vm> {
    let wasm!: WebAssembly.Instance
    let flashBase = 0
    const heap = () => new Uint8Array((wasm.exports.memory as WebAssembly.Memory).buffer)
    const slice = (ptr: number, size: number) => heap().slice(ptr, ptr + size)
    const string = (ptr: number) => {
        const bytes = heap()
        return Buffer.from(bytes.buffer, ptr, bytes.indexOf(0, ptr) - ptr).toString("utf8")
    }

    const imports: Record<string, (...args: number[]) => unknown> = {
        em_time_now: () => host.nowMs(),
        em_print_dmesg: ptr => host.line(string(ptr)),
        _devs_panic_handler: panicCode => host.panic(panicCode),
        em_send_frame: ptr => host.sendFrame(slice(ptr, 12 + heap()[ptr + 2])),
        em_send_large_frame: (ptr, size) => host.sendFrame(slice(ptr, size)),
        em_flash_size: () => host.flash.sizeBytes,
        em_flash_load: (ptr, size) => {
            flashBase = ptr
            heap().set(host.flash.read().subarray(0, size), ptr)
        },
        em_flash_save: ptr => host.flash.sync?.(slice(ptr, host.flash.sizeBytes)),
        em_jd_crypto_get_random: (ptr, size) => {
            const buffer = new Uint8Array(size)
            if (host.random) host.random(buffer)
            else randomFillSync(buffer)
            heap().set(buffer, ptr)
        },
        exit: () => {
            throw new ChipReset("the VM reset the chip")
        },
        _jd_tcpsock_is_available: () => (host.socket ? 1 : 0),
        _jd_tcpsock_write: (ptr, size) => host.socket?.write(slice(ptr, size)) ?? NO_SOCKET,
        _jd_tcpsock_close: () => host.socket?.close() ?? NO_SOCKET,
        // A negative port is how the VM asks for TLS.
        _jd_tcpsock_new: (hostPtr, port) => {
            host.socket?.open(string(hostPtr), Math.abs(port), port < 0, socketEvent)
            return host.socket ? 0 : NO_SOCKET
        },
    }

    const module = await glueFactory(code.glue)({
        print: (s: string) => host.line(s),
        printErr: (s: string) => host.line(s),
        instantiateWasm(info: Record<string, Record<string, unknown>>, receive: (instance: WebAssembly.Instance) => object) {
            Object.assign(info.env, imports)
            wasm = new WebAssembly.Instance(code.module, info as WebAssembly.Imports)
            const table = wasm.exports.__indirect_function_table as WebAssembly.Table
            const program = (ptr: number, source: number, size: number) => host.flash.program(ptr - flashBase, slice(source, size))
            const erase = (ptr: number) => host.flash.erase(ptr - flashBase)
            table.set(code.programSlot, asWasmFunction(3, program))
            table.set(code.eraseSlot, asWasmFunction(1, erase))
            return receive(wasm)
        },
    })

    function withBytes<T>(bytes: Uint8Array, fn: (ptr: number) => T): T {
        const ptr = module._malloc(bytes.length)
        heap().set(bytes, ptr)
        const result = fn(ptr)
        module._free(ptr)
        return result
    }

    function socketEvent(event: SocketEvent) {
        const payload = event.kind === "message" ? event.bytes : event.kind === "error" ? Buffer.from(event.message) : undefined
        const number = SOCKET_EVENT[event.kind]
        if (payload) withBytes(payload, ptr => module._jd_em_tcpsock_on_event(number, ptr, payload.length))
        else module._jd_em_tcpsock_on_event(number, 0, 0)
    }

    module._jd_em_devs_enable_gc_stress(options.gcStress ? 1 : 0)
    withBytes(Buffer.from(`${options.deviceId}\0`), ptr => module._jd_em_set_device_id_string(ptr))
    module._jd_em_init()

    return {
        process: () => module._jd_em_process(),
        deploy(program) {
            // The store takes multiples of 32 bytes only.
            const padded = new Uint8Array(Math.ceil(program.length / 32) * 32)
            padded.set(program)
            return withBytes(padded, ptr => module._jd_em_devs_deploy(ptr, padded.length))
        },
        handleFrame: frame => void withBytes(frame, ptr => module._jd_em_frame_received(ptr)),
        get memory() {
            return new DataView((wasm.exports.memory as WebAssembly.Memory).buffer)
        },
        contextAddress: () => (wasm.exports.devsmgr_get_ctx as () => number)(),
    }
}
