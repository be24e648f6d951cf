import * as ds from "@devicescript/core"

const start = ds.millis()

/**
 * One line of the trace: what is printed, which run of it, the part of that run (`b`: it begins, `m`: it goes on, `i`:
 * an iteration of a loop begins) and the version of the code that says so. See scripts/swap/oracle.ts.
 */
export function say(stream: string, run: number, part: string, version: number, state: any = "") {
    console.log(`${stream} ${run} ${part} v${version} @${ds.millis() - start} ${state}`)
}

export async function done(ms: number) {
    await ds.sleep(ms)
    console.log("done")
}
