import { type CompiledProgram, locate, type ProgramFunction } from "../program/compiled-program.ts"
import { refusal, type Refusal, RefusedError, RefusalSignal } from "../translate/refusal.ts"

/** What is to be said of an update: what cannot go live, and what goes live only partly. */
export class Findings {
    readonly refusals: Refusal[] = []
    readonly notes: Refusal[] = []
    private readonly next: CompiledProgram

    /** @param next what places are told of */
    constructor(next: CompiledProgram) {
        this.next = next
    }

    refuse(code: Refusal["code"], f: ProgramFunction, detail: string): void {
        this.refusals.push(refusal(code, f.name, locate(this.next, f.index, 0), detail))
    }

    /** Turns a refusal of the translator into one that says where. */
    attempt(f: ProgramFunction, origins: readonly number[], translate: () => void): void {
        try {
            translate()
        } catch (e) {
            if (!(e instanceof RefusalSignal)) throw e
            this.refusals.push(refusal(e.code, nameOf(f), locate(this.next, f.index, origins[e.pc] ?? e.pc), e.message))
        }
    }

    /** @throws RefusedError with everything that cannot go live */
    check(): void {
        if (this.refusals.length) throw new RefusedError(oncePerPlace(this.refusals))
    }
}

/** What a person calls a function. */
export function nameOf(f: ProgramFunction): string {
    return f.index === 0 ? "top-level code" : f.name
}

/** Top-level code is translated for boot and for the running program: what it is refused for, it is refused for once. */
function oncePerPlace(refusals: readonly Refusal[]): Refusal[] {
    return refusals.filter((r, i) => refusals.findIndex(x => x.code === r.code && x.location === r.location && x.detail === r.detail) === i)
}
