/**
 * What every random program runs on, as DeviceScript source: a printer that tells apart all values, a limit on calls
 * (`fuel`), and a limit on the growth of strings and arrays, because running out of memory cannot be caught.
 */
export const harnessSource = `
import * as ds from "@devicescript/core"

let left = 0

export function fuel() {
    if (--left < 0) throw new RangeError("fuel")
}

export function lim(x: any): any {
    if (typeof x === "string" && x.length > 24) return x.slice(0, 5)
    if (Array.isArray(x) && x.length > 8) return x.slice(0, 3)
    return x
}

export function fmt(x: any, depth = 0): string {
    const kind = typeof x
    if (x === null) return "null"
    if (kind === "function") return "fn"
    if (kind !== "object") return kind[0] + ":" + x
    if (depth > 3) return "deep"
    if (x instanceof Buffer) return "hex:" + x.toString("hex")
    if (Array.isArray(x)) {
        let r = "["
        for (const e of x) {
            if (r.length > 120) return r + "~"
            r += fmt(e, depth + 1) + " "
        }
        return r + "]"
    }
    if (x instanceof Error) return x.name + "(" + x.message + ")"
    let r = "{"
    for (const k of Object.keys(x)) {
        // addresses of the program that threw
        if (k === "__stack__") continue
        if (r.length > 120) return r + "~"
        r += k + "=" + fmt(x[k], depth + 1) + " "
    }
    return r + "}"
}

export function safe(body: any): any {
    try {
        return body()
    } catch (e) {
        return "!" + fmt(e)
    }
}

export async function test(label: string, body: any) {
    left = 40
    let result = ""
    try {
        result = fmt(await body())
    } catch (e) {
        result = "throws " + fmt(e)
    }
    console.log(label + " " + result)
    await ds.sleep(1)
}
`
