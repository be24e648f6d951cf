import type { Board } from "./board.ts"

/** A Jacdac bus between boards: what one sends reaches all the others, in order. */
export interface Bus {
    /** Frames that went over it. */
    readonly frames: number
    disconnect(): void
}

export function connectBus(...boards: Board[]): Bus {
    let frames = 0
    const off = boards.map(from =>
        from.onFrame(frame => {
            frames++
            for (const to of boards) if (to !== from) to.sendFrame(frame)
        }),
    )
    return {
        get frames() {
            return frames
        },
        disconnect() {
            for (const stop of off) stop()
        },
    }
}
