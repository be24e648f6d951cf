import type { RefusalCode } from "./refusal-catalogue.ts"
import { refusalCatalogue } from "./refusal-catalogue.ts"

/** Something in an edit cannot go live: says what, where, and what to do. */
export interface Refusal {
    readonly code: RefusalCode
    /** the function it stands in, as a person would name it */
    readonly functionName: string
    /** e.g. `src/app/main.ts:12` */
    readonly location: string
    readonly detail: string
    readonly fix: string
}

export class RefusedError extends Error {
    readonly refusals: readonly Refusal[]
    constructor(refusals: readonly Refusal[]) {
        super(refusals.map(formatRefusal).join("\n"))
        this.name = "RefusedError"
        this.refusals = refusals
    }
}

/** Thrown deep in the translator, where the function's name and line are not known. */
export class RefusalSignal extends Error {
    readonly code: RefusalCode
    readonly pc: number
    constructor(code: RefusalCode, detail: string, pc: number) {
        super(detail)
        this.code = code
        this.pc = pc
    }
}

export function formatRefusal(r: Refusal): string {
    return `${r.code} ${r.location} ${r.functionName}: ${r.detail}. ${r.fix}`
}

export function refusal(code: RefusalCode, functionName: string, location: string, detail: string): Refusal {
    return { code, functionName, location, detail, fix: refusalCatalogue[code].fix }
}
