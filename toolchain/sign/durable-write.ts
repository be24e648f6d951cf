/**
 * Replaces a file so that after a crash or a power cut either the old or the new
 * content is there, whole, and that the new one is there once this has returned.
 */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

/** Only one process may write a path at a time: the caller holds its lock. */
export function writeDurably(path: string, bytes: Uint8Array): void {
    const temporary = `${path}.tmp`
    const file = openSync(temporary, "w", 0o600)
    try {
        writeFileSync(file, bytes)
        fsyncSync(file)
    } finally {
        closeSync(file)
    }
    renameSync(temporary, path)
    syncDirectory(dirname(path))
}

/** Without this the rename itself may be lost; Windows cannot open a directory and does not need it. */
function syncDirectory(path: string): void {
    if (process.platform === "win32") return
    const directory = openSync(path, "r")
    try {
        fsyncSync(directory)
    } finally {
        closeSync(directory)
    }
}
