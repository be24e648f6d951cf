import ts from "typescript"
import type { Edit } from "./edits.ts"
import { backModels, models, rewritten } from "./models.ts"

interface Timer {
    id: number
    atMs: number
    everyMs: number | undefined
    /** when it was set or last ran: of two that are due at once, the one that has waited longer comes first, as on a board */
    sinceMs: number
    run: () => void
}

/** Timers and events as a program sees them, on a clock of their own, in the order of their times. */
class World {
    nowMs = 0
    readonly lines: string[] = []
    private timers: Timer[] = []
    private ids = 0

    add(run: () => void, ms: number, everyMs?: number): number {
        this.timers.push({ id: ++this.ids, atMs: this.nowMs + ms, everyMs, sinceMs: this.nowMs, run })
        return this.ids
    }

    remove(id: number): void {
        this.timers = this.timers.filter(t => t.id !== id)
    }

    of(run: () => void): Timer {
        const found = this.timers.find(t => t.run === run)
        if (!found) throw new Error("no timer runs this function")
        return found
    }

    nth(n: number): () => void {
        return [...this.timers].sort((x, y) => x.id - y.id)[n].run
    }

    /** What is due at that very time comes later: a board's first timers start some time after its clock. */
    runUntil(ms: number): void {
        for (;;) {
            const due = this.timers.filter(t => t.atMs < ms).sort((x, y) => x.atMs - y.atMs || x.sinceMs - y.sinceMs || x.id - y.id)[0]
            if (!due) break
            this.nowMs = due.atMs
            if (due.everyMs === undefined) this.remove(due.id)
            else {
                if (due.sinceMs !== -Infinity) due.sinceMs = due.atMs
                due.atMs += due.everyMs
            }
            due.run()
        }
        this.nowMs = ms
    }

    emitter() {
        const handlers: ((v: unknown) => void)[] = []
        return {
            subscribe: (h: (v: unknown) => void) => handlers.push(h),
            unsubscribe: (h: (v: unknown) => void) => handlers.splice(handlers.indexOf(h), 1),
            emit: (v: unknown) => {
                for (const h of [...handlers]) h(v)
            },
        }
    }
}

/**
 * What the running program prints after the update, by the edit's model. The program itself runs in Node here: neither the
 * toolchain nor the VM has a part in it.
 */
export function expectedLines(edit: Edit, untilMs: number, count: number): string[] {
    return linesAfter(edit, models[edit.name.slice(0, 2)], untilMs).slice(0, count)
}

/** What it prints when the update is taken back at once; undefined: as if nothing had been. */
export function expectedBack(edit: Edit, untilMs: number): string[] | undefined {
    const back = backModels[edit.name.slice(0, 2)]
    return back === undefined ? undefined : linesAfter(edit, back, untilMs)
}

function linesAfter(edit: Edit, model: string, untilMs: number): string[] {
    const number = edit.name.slice(0, 2)
    const world = new World()
    const scope: Record<string, unknown> = {
        console: { log: (...parts: unknown[]) => world.lines.push(parts.join(" ")) },
        setInterval: (run: () => void, ms: number) => world.add(run, ms, ms),
        setTimeout: (run: () => void, ms: number) => world.add(run, ms),
        // fibers that sleep are woken before timers
        loopFiber: (run: () => void, ms: number) => {
            run()
            const id = world.add(run, ms, ms)
            world.of(run).sinceMs = -Infinity
            return id
        },
        clearInterval: (id: number) => world.remove(id),
        ds: { emitter: () => world.emitter(), clientRegister: () => world.emitter(), LightBulb: class { isBound = false } },
        hex: (text: TemplateStringsArray) => Buffer.from(text[0], "hex"),
        Buffer: bufferOfBoards,
        nthTimer: (n: number) => world.nth(n),
        timerOf: (run: () => void) => world.of(run).id,
        rebind: (from: () => void, to: () => void) => (world.of(from).run = to),
        retime: (run: () => void, ms: number) => {
            const t = world.of(run)
            t.atMs = world.nowMs + ms
            if (t.everyMs !== undefined) t.everyMs = ms
        },
    }
    const text = rewritten[number] ?? plainText(edit.before)
    const names = Object.keys(scope)
    const start = new Function(...names, `${text}\n;return text => eval(text)`) as (...values: unknown[]) => (text: string) => void
    const evaluate = start(...names.map(n => scope[n]))
    world.runUntil(edit.atMs)
    const at = world.lines.length
    evaluate(model)
    world.runUntil(untilMs)
    return world.lines.slice(at)
}

/** The boards' calls that Node does not have. */
const bufferOfBoards = Object.assign(Object.create(Buffer) as typeof Buffer, {
    alloc: (n: number) => {
        const b = Buffer.alloc(n) as Buffer & { setAt: (at: number, format: string, value: number) => void }
        b.setAt = (at, format, value) => (format === "u16" ? b.writeUInt16LE(value, at) : b.writeUInt32LE(value, at))
        return b
    },
})

/** All modules of a program as one, without types: those that others import come first. */
function plainText(files: Readonly<Record<string, string>>): string {
    const order = Object.keys(files).sort((x, y) => Number(x === "program.ts") - Number(y === "program.ts"))
    const target = ts.ScriptTarget.ES2022
    return order
        .map(f => ts.transpileModule(files[f], { compilerOptions: { target, module: ts.ModuleKind.ES2022 } }).outputText)
        .join("\n")
        .replace(/^import .*$/gm, "")
        .replace(/^export (\{.*|(?=function|const|let|var|class|enum))/gm, "")
}

declare global {
    interface Array<T> {
        insert(at: number, count: number): void
    }
}
Object.defineProperty(Array.prototype, "insert", {
    value(this: unknown[], at: number, count: number) {
        this.splice(at, 0, ...new Array<undefined>(count))
    },
})
