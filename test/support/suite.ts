import { type Callback, type Context, type Test, suite as uvuSuite } from "uvu"

/**
 * uvu's suite, which drops what a hook throws before the first test or after the last one: the file fails and nobody is
 * told why. Here the error is printed first.
 */
export function suite<T = Context>(name: string): Test<T> {
    const test = uvuSuite<T>(name)
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

/** For a file of one suite that needs no name besides the file's. */
export const test = suite("")
