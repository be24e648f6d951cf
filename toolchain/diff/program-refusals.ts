import { type CompiledProgram, locate } from "../program/compiled-program.ts"
import { refusal, type Refusal } from "../translate/refusal.ts"
import { builtinStrings } from "../devs/builtins.ts"
import { visitExprs } from "../devs/code.ts"
import { hardwareSettings } from "./hardware.ts"
import { specName, specText } from "./shape.ts"

/** What is read before any code runs, and so cannot come with an image: hardware configuration and service specifications. */
export function programRefusals(base: CompiledProgram, next: CompiledProgram): Refusal[] {
    return [...hardwareRefusals(base, next), ...specRefusals(base, next)]
}

function hardwareRefusals(base: CompiledProgram, next: CompiledProgram): Refusal[] {
    const before = hardwareSettings(base.image.sections.dcfg)
    const after = hardwareSettings(next.image.sections.dcfg)
    const changed = [...new Set([...before.keys(), ...after.keys()])].filter(k => before.get(k) !== after.get(k))
    // name and version of the program are of no use to the hardware, but to a program that asks for them
    const relevant = changed.filter(k => !k.startsWith("@") || asksForSettings(next))
    if (!relevant.length) return []
    const detail = `${relevant.slice(0, 3).join(", ")}${relevant.length > 3 ? ", …" : ""} ${relevant.length > 1 ? "are" : "is"} different`
    return [refusal("HOV103", "hardware configuration", locate(next, 0, 0), detail)]
}

function asksForSettings(program: CompiledProgram): boolean {
    let asks = false
    for (const f of program.functions)
        if (f.owner === "app")
            for (const s of f.statements)
                visitExprs(s.args, e => {
                    if (e.kind === "op" && e.op.immediate === "builtinString" && builtinStrings[e.immediate] === "_dcfgString") asks = true
                })
    return asks
}

/** A role's statement has the service's number; its specification has to be in the base, with the same packets. */
function specRefusals(base: CompiledProgram, next: CompiledProgram): Refusal[] {
    const known = new Set(Array.from({ length: base.image.specCount }, (_, i) => specText(base, i)))
    const refusals: Refusal[] = []
    for (let i = 0; i < next.image.specCount; i++) {
        if (known.has(specText(next, i))) continue
        const [name, service] = specName(next, i).split(":")
        refusals.push(refusal("HOV104", "top-level code", placeOfService(next, Number.parseInt(service, 16)), `service ${name} is not in the base`))
    }
    return refusals
}

function placeOfService(program: CompiledProgram, service: number): string {
    for (const f of program.functions)
        for (const s of f.statements) {
            let found = false
            visitExprs(s.args, e => {
                if (e.kind === "int" && e.value === service) found = true
                if (e.kind === "op" && e.op.name === "LITERAL_F64" && program.image.floats[e.immediate] === service) found = true
            })
            if (found) return locate(program, f.index, s.pc)
        }
    return locate(program, 0, 0)
}
