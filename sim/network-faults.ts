/** A fixed number, or uniform between two. */
export type Range = number | readonly [min: number, max: number]

/**
 * The network in front of a board. Every probability is 0..1 and drawn from the board's seed; missing ones are 0.
 * May be changed at run time: what is decided per connection holds for the next one, the rest at once.
 */
export interface NetworkFaults {
    /** Nothing gets through: new connections fail, open ones stay open and silent. */
    offline?: boolean

    /** Per connection: the peer refuses. */
    refuseProbability?: number
    /** Per connection: no answer ever, neither to the connection nor on it. */
    blackholeProbability?: number
    /** Before a connection is attempted. */
    connectDelayMs?: Range

    /** Each way, per chunk; the order is kept. */
    latencyMs?: Range
    /** Each way. */
    bytesPerSecond?: number
    /** Largest piece that arrives at the VM at once (default as the chip's firmware: 1024 or 1460). */
    chunkSizeMaxBytes?: number

    /** Per chunk: it is lost, and what follows is not. TCP itself never does this; broken middle boxes do. */
    dropProbability?: number
    /** Per chunk: it arrives twice. */
    duplicateProbability?: number
    /** Per chunk: one bit is wrong. */
    corruptProbability?: number
    /** Per chunk: only its first part arrives, then the stream ends in order. */
    truncateProbability?: number
    /** Per chunk: only its first part arrives, then the connection is reset. */
    resetProbability?: number
    /** Each connection is reset when so many bytes have come down it. */
    resetAfterBytes?: number
    /** Which way the faults per chunk apply (default both). */
    direction?: "down" | "up" | "both"

    /** After a loss of power the peer sees an open, silent connection for so long (default 0: it sees a close at once). */
    halfOpenMs?: number
}

export type ConnectionEnd = "board" | "peer" | "refused" | "error" | "truncated" | "reset" | "replaced" | "powerLoss" | "offline" | "noTls"

/** Something that happened on a board's network; `tMs` as in the serial log. */
export type NetworkEvent = { connection: number; tMs: number } & (
    | { kind: "opening"; host: string; port: number; tls: boolean }
    | { kind: "open" }
    /** Bytes that went past: `up` when the board wrote them, `down` when they reached the board. */
    | { kind: "up" | "down"; sizeBytes: number }
    | { kind: "fault"; fault: "blackhole" | "drop" | "duplicate" | "corrupt" | "truncate" | "reset" }
    | { kind: "closed"; by: ConnectionEnd }
)

export interface NetworkStats {
    /** Connections the board asked for. */
    connections: number
    opened: number
    bytesUp: number
    bytesDown: number
    faults: number
    /** Open now; a board never has more than one. */
    open: number
}
