import { expression } from "./expressions.ts"
import type { Scope } from "./scope.ts"

/**
 * Tests with fibers, timers and emitters. What they print must not depend on when replaced code yields: waits are far
 * apart, and each fiber writes to a list of its own.
 */
export function fiberTests(s: Scope): { lines: string[]; cases: string[] } {
    const r = s.random
    // an exception in a fiber of its own would end the program
    const e = (kind: "num" | "any" | "str", depth = 2) =>
        `safe(() => ${expression({ ...s, variables: [], functions: s.functions.slice(0, 2) }, kind, depth)})`
    const kinds = [
        () => [
            `async function work(own: any[], n: number, step: number) {`,
            `for (let i = 0; i < n; i++) { await ds.sleep(step); try { own.push(${e("any")}) } catch (x: any) { own.push("!" + fmt(x)) } finally { own.push(i) } }`,
            `}`,
            `async function fiberTest() {`,
            `const a: any[] = [], b: any[] = []`,
            `work.start(a, ${1 + r.int(4)}, 20)`,
            `const f = work.start(b, ${1 + r.int(4)}, 30)`,
            `await ds.sleep(${r.pick([45, 75, 500])})`,
            ...(r.chance(50) ? ["f.terminate()"] : []),
            `await ds.sleep(300)`,
            `return [a, b]`,
            `}`,
        ],
        () => [
            `async function fiberTest() {`,
            `const seen: any[] = []`,
            `let count = ${r.int(5)}`,
            `const timer = setInterval(async () => { count += ${e("num", 1)}; seen.push(count); await ds.sleep(1) }, 50)`,
            `setTimeout(async () => { seen.push(${e("any")}) }, 120)`,
            `await ds.sleep(260)`,
            `clearInterval(timer)`,
            `await ds.sleep(200)`,
            `return seen.slice(0, 6)`,
            `}`,
        ],
        () => [
            `async function fiberTest() {`,
            `const seen: any[] = []`,
            `const source = ds.emitter<any>()`,
            `const off = source.subscribe(async v => { seen.push(v + ${e("num", 1)}) })`,
            `source.emit(${e("num", 1)}); await ds.sleep(30)`,
            `source.emit(${e("str", 1)}); await ds.sleep(30)`,
            ...(r.chance(50) ? ["off()"] : []),
            `source.emit(3); await ds.sleep(30)`,
            `return seen`,
            `}`,
        ],
        () => [
            `async function sleeper(own: any[]) {`,
            `own.push("before")`,
            `const got = await ds.suspend<any>(${r.pick([40, 400])})`,
            `own.push(got === undefined ? "timeout" : got)`,
            `return ${e("any")}`,
            `}`,
            `async function fiberTest() {`,
            `const own: any[] = []`,
            `const f = sleeper.start(own)`,
            `await ds.sleep(100)`,
            `try { f.resume(${e("num", 1)}) } catch (x) { own.push("gone") }`,
            `await ds.sleep(100)`,
            `return own`,
            `}`,
        ],
        () => [
            `function packed(n: number) {`,
            `const b = Buffer.alloc(24)`,
            `b.setAt(0, "${r.pick(["u32", "i32"])}", n)`,
            `b.setAt(4, "${r.pick(["i16", "u16", "u8"])}", ${e("num", 1)})`,
            `b.setAt(8, "${r.pick(["f32", "f64"])}", n / 3)`,
            `b.setAt(16, "${r.pick(["u0.16", "i8.8", "u22.10"])}", 0.75)`,
            `b[20] = ${e("num", 1)}; b[21] = n; b[22]++`,
            `let sum = 0; for (let i = 0; i < b.length; i++) sum = (sum * 31 + b[i]) & 0xffffff`,
            `return [b, b.getAt(0, "u16"), b.getAt(8, "f32"), b.getAt(16, "u0.16"), hex\`0102ff\`[2], sum, b.slice(2, 6).toString("hex"), Buffer.from("héllo").length]`,
            `}`,
            `async function fiberTest() {`,
            `return [packed(${r.int(1000)}), packed(${e("num", 1)})]`,
            `}`,
        ],
    ]
    return { lines: r.pick(kinds)(), cases: [`await test("fibers", async () => {\n return await fiberTest()\n})`] }
}
