import { type Callback, type Context, type Test, suite as uvuSuite } from "uvu"

/**
 * uvu's suite, which drops what a hook throws before the first test or after the last one: the file fails and nobody is
 * told why. Here the error is printed first.
 */
export function suite<T = Context>(name: string): Test<T> {
    const plain = uvuSuite<T>(name)
    const limited =
        (register: (title: string, handler: Callback<T>) => void) =>
        (title: string, handler: Callback<T>): void =>
            register(title, context => inTime(title, handler(context)))
    const test = Object.assign(limited(plain), plain, { only: limited(plain.only) }) as Test<T>
    for (const hook of ["before", "after"] as const) {
        const register = test[hook]
        const telling = (callback: Callback<T>) =>
            register(async context => {
                try {
                    await callback(context)
                } catch (e) {
                    console.error(`\n${name}: what was to be done ${hook} the tests failed`)
                    console.error(e)
                    throw e
                }
            })
        test[hook] = Object.assign(telling, { each: register.each })
    }
    return test
}

/** Milliseconds from the process's start to the end of its file's time, told by who runs it (run-files.ts). */
const END_MS = Number(process.env.HANDOVER_TEST_END_MS ?? 0)

/** A test that waits for what never comes says so itself, before its process is killed without a name. */
async function inTime(title: string, work: unknown): Promise<void> {
    if (!(work instanceof Promise)) return
    if (END_MS === 0) return void (await work)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`"${title}" has not ended, and the file's ${Math.round(END_MS / 1000)} s are over`)), Math.max(0, END_MS - process.uptime() * 1000))
    })
    try {
        await Promise.race([work, late])
    } finally {
        clearTimeout(timer)
    }
}

/** For a file of one suite that needs no name besides the file's. */
export const test = suite("")
