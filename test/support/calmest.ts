/**
 * A time that a machine is measured with while it does other things too: what the code itself costs is in every attempt,
 * what the machine took for others is not. The first attempt that is good enough, or the last one.
 */
export async function calmest<T>(measure: () => Promise<T>, isGood: (measured: T) => boolean, attempts = 5): Promise<T> {
    for (let attempt = 1; ; attempt++) {
        const measured = await measure()
        if (attempt === attempts || isGood(measured)) return measured
    }
}
