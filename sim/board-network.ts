import type { Chip } from "./chips.ts"
import { Connection } from "./network-connection.ts"
import type { NetworkEvent, NetworkFaults } from "./network-faults.ts"
import type { SeededRandom } from "./seeded-random.ts"
import type { SocketEvent, VmSocket } from "./vm-instance.ts"

const NO_SOCKET = -10

/** The one socket of a board: opening a connection closes the one before it, as on the hardware. */
export class BoardNetwork implements VmSocket {
    private current: Connection | undefined
    private connections = 0

    constructor(
        public faults: NetworkFaults,
        private readonly chip: Chip,
        private readonly random: SeededRandom,
        private readonly nowMs: () => number,
        private readonly onEvent: (event: NetworkEvent) => void,
        /** Runs in the board's own turn: an event may come while the board is off, or another instance. */
        private readonly deliver: (action: () => void) => void,
    ) {}

    get busy(): boolean {
        return this.current !== undefined
    }

    open(host: string, port: number, tls: boolean, onEvent: (event: SocketEvent) => void): void {
        this.current?.close("replaced")
        this.current = undefined
        const number = ++this.connections
        const report = (detail: object) => this.onEvent({ connection: number, tMs: this.nowMs(), ...detail } as NetworkEvent)
        if (tls && !this.chip.hasTls) {
            report({ kind: "opening", host, port, tls })
            report({ kind: "closed", by: "noTls" })
            setTimeout(() => this.deliver(() => onEvent({ kind: "error", message: `tls://${host}:${port}: no TLS on ${this.chip.name}` })))
            return
        }
        const connection = new Connection({ host, port, tls }, {
            faults: () => this.faults,
            random: this.random,
            chip: this.chip,
            report,
            deliver: (...events) => {
                if (this.current !== connection) return
                if (events.some(event => event.kind === "close" || event.kind === "error")) this.current = undefined
                this.deliver(() => events.forEach(onEvent))
            },
        })
        this.current = connection
    }

    write(bytes: Uint8Array): number {
        if (!this.current?.isOpen) return NO_SOCKET
        this.current.write(bytes)
        return 0
    }

    close(): number {
        if (!this.current) return NO_SOCKET
        this.current.close("board")
        this.current = undefined
        return 0
    }

    powerLoss(): void {
        this.current?.abandon()
        this.current = undefined
    }
}
