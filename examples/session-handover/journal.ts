/** A store in one file, for servers that may be killed: each change is a line that is written before anything is answered. */
import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs"
import type { SessionRecord } from "../../cloud/handover/session.ts"
import type { Plan } from "../../cloud/handover/store.ts"
import { Memory } from "./memory.ts"

interface Line<B> {
    readonly session?: string
    readonly record?: SessionRecord<B>
    readonly plan?: Plan | null
    readonly peer?: string
}

export class Journal<B> extends Memory<B> {
    readonly #file: number
    plan: Plan | null = null
    /** Where the other server is. */
    peer: string | null = null

    constructor(path: string, me: string, other: string) {
        super(me, other)
        for (const line of linesOf<B>(path)) {
            if (line.session !== undefined && line.record !== undefined) super.put(line.session, line.record)
            if (line.plan !== undefined) this.plan = line.plan
            if (line.peer !== undefined) this.peer = line.peer
        }
        // What there is, without the way to it.
        const kept: Line<B>[] = [...this.records()].map(([session, record]) => ({ session, record }))
        writeFileSync(`${path}.new`, [...kept, { plan: this.plan }, ...(this.peer === null ? [] : [{ peer: this.peer }])].map(line => `${JSON.stringify(line)}\n`).join(""))
        renameSync(`${path}.new`, path)
        this.#file = openSync(path, "a")
    }

    override savePlan(plan: Plan | null, done: () => void): void {
        this.#note({ plan })
        this.plan = plan
        setImmediate(done)
    }

    keepPeer(peer: string): void {
        if (this.peer === peer) return
        this.#note({ peer })
        this.peer = peer
    }

    close(): void {
        closeSync(this.#file)
    }

    protected override put(session: string, record: SessionRecord<B>): void {
        this.#note({ session, record })
        super.put(session, record)
    }

    #note(line: Line<B>): void {
        writeSync(this.#file, `${JSON.stringify(line)}\n`)
    }
}

/** The last line of a process that was killed may be half of one. */
function* linesOf<B>(path: string): IterableIterator<Line<B>> {
    let text = ""
    try {
        text = readFileSync(path, "utf8")
    } catch (error) {
        if ((error as { code?: string }).code !== "ENOENT") throw error
    }
    for (const line of text.split("\n").slice(0, -1)) yield JSON.parse(line)
}
