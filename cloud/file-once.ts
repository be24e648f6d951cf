import { link, open, readFile, rm } from "node:fs/promises"

/**
 * The text of a file that is made once: by whoever comes first, and whole from the moment it
 * exists. Readable by its owner only.
 */
export async function fileOnce(file: string, make: () => string): Promise<string> {
    const text = await readIfThere(file)
    if (text !== undefined) return text
    const temporary = `${file}.${process.pid}.new`
    const handle = await open(temporary, "w", 0o600)
    try {
        await handle.writeFile(make())
        await handle.sync()
    } finally {
        await handle.close()
    }
    try {
        await link(temporary, file)
    } catch (error) {
        // Another process was faster: its text counts.
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    } finally {
        await rm(temporary, { force: true })
    }
    return readFile(file, "utf8")
}

async function readIfThere(file: string): Promise<string | undefined> {
    try {
        return await readFile(file, "utf8")
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
        throw error
    }
}
