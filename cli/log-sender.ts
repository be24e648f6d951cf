/** Sends what a board prints to the server, as the host at its USB cable: a few requests a second at most. */
export interface LogSeat {
    readonly id: string
    readonly token: string
}

const SEND_MS = 500
/** The server's limits for one request. */
const LINES_MAX = 32
const LINE_CHARS_MAX = 256
/** A board that prints faster than can be sent loses its oldest lines. */
const WAITING_MAX = 500
const TIMEOUT_MS = 5_000

export class LogSender {
    readonly #url: string
    readonly #seat: LogSeat
    readonly #onProblem: (problem: string) => void
    #waiting: string[] = []
    #sending: Promise<void> | undefined
    #closed = false
    #troubled = false

    constructor(url: string, seat: LogSeat, onProblem: (problem: string) => void) {
        this.#url = `${url.replace(/\/$/, "")}/v1/dfu/${seat.id}/log`
        this.#seat = seat
        this.#onProblem = onProblem
    }

    add(line: string): void {
        this.#waiting.push(line.slice(0, LINE_CHARS_MAX))
        if (this.#waiting.length > WAITING_MAX) this.#waiting.shift()
        this.#sending ??= this.#send().finally(() => {
            this.#sending = undefined
        })
    }

    /** What waits is sent once more, then no more. */
    async close(): Promise<void> {
        this.#closed = true
        await this.#sending
    }

    async #send(): Promise<void> {
        while (this.#waiting.length > 0) {
            if (!this.#closed) await new Promise(resolve => setTimeout(resolve, SEND_MS))
            const lines = this.#waiting.splice(0, LINES_MAX)
            try {
                const response = await fetch(this.#url, {
                    method: "POST",
                    headers: { authorization: `Bearer ${this.#seat.token}`, "content-type": "application/json" },
                    body: JSON.stringify({ lines }),
                    signal: AbortSignal.timeout(TIMEOUT_MS),
                })
                if (!response.ok) throw new Error(`HTTP ${response.status}`)
                this.#troubled = false
            } catch (error) {
                // Once for a stretch of trouble: the log is for looking, the board goes on.
                if (!this.#troubled) this.#onProblem(`the log of ${this.#seat.id} does not reach the server: ${(error as Error).message}`)
                this.#troubled = true
                if (this.#closed) return
            }
        }
    }
}
