import { closeSync, existsSync, fchmodSync, ftruncateSync, openSync, unlinkSync, writeSync } from "node:fs"

/**
 * Writes a secret that the server shows this once, for its owner only. The file is opened first: a token that cannot be
 * written down would be made, and nobody have it.
 */
export async function intoSecretFile<T>(path: string, make: () => Promise<T>, textOf: (made: T) => string): Promise<T> {
    const wasThere = existsSync(path)
    const file = openSync(path, "a", 0o600)
    try {
        const made = await make()
        // one that was there may have been for everybody
        fchmodSync(file, 0o600)
        ftruncateSync(file)
        writeSync(file, textOf(made))
        return made
    } catch (e) {
        if (!wasThere) unlinkSync(path)
        throw e
    } finally {
        closeSync(file)
    }
}
