import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { formsUsed, samples } from "../scripts/forms/programs.ts"
import { forms } from "../toolchain/executor/forms.ts"
import { fusedOperation } from "../toolchain/executor/operations.ts"
import { formOf, parsePattern } from "../toolchain/executor/patterns.ts"

const test = suite("forms of fused operations")
const machine = { budget: 0, loopExhausted: 1, entryExhausted: 2, resume: 3, budgetLeft: 4 }

test("each form serves at least two of the sample programs", () => {
    const uses = new Map(samples(new Set(Object.values(forms).flat())).map(({ name, link }) => [name, formsUsed(link(), form => form in forms)]))
    for (const [form, programs] of Object.entries(forms)) {
        assert.is(new Set(programs).size, 2, form)
        for (const name of programs) assert.ok(uses.get(name)?.has(form), `${form} is not used in ${name}: run npm run forms -- --write`)
    }
})

test("every fused operation of a base has one of these forms", () => {
    const [{ link }] = samples(new Set(["bench/app"]))
    const { operations, core } = link()
    const fused = operations.filter(o => !core.has(o.name))
    assert.ok(fused.length > 50)
    for (const { name } of fused) assert.ok(formOf(parsePattern(name)!) in forms, name)
})

test("an operation's name is its definition, whatever it is made of", () => {
    for (const [name, form, words] of [
        ["R3=R3 ADD 1; loop if R3 LT K", "_=_ op _; loop if _ is _", 4],
        ["A=R1.a12 MUL (B ADD g7)", "_=_._ op (_ op _)", 1],
        ["R0[K]=c2_1", "_[_]=_", 2],
        ["call R1.K(R2,(R3 INDEX K).w4)", "call _._(_,_._._)", 3],
        ["return LOAD_BUFFER(R0,3,K) BIT_AND 255", "return LOAD_BUFFER(_,_,_) op _", 2],
    ] as const) {
        const pattern = parsePattern(name)
        assert.ok(pattern, name)
        assert.is(formOf(pattern), form)
        assert.is(fusedOperation(name, machine)!.words, words)
    }
    for (const name of ["R9=A", "A=", "A=B ADD", "return A;", "R1=A ADD B ADD R2", "A=(((R0 ADD 1) ADD 2) ADD 3) ADD (R1 ADD 4)", "S[K]=A"]) assert.is(parsePattern(name), undefined, name)
})

test.run()
