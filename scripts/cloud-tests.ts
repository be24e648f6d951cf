import { readdirSync } from "node:fs"
import path from "node:path"

const folder = path.join(import.meta.dirname, "..", "test")

/** Files of the server's tests whose names contain one of the words. */
export const cloudTests = (words: readonly string[], pattern = /^(cloud|rollout)-.*\.test\.ts$/): string[] =>
    readdirSync(folder)
        .filter(file => pattern.test(file))
        .filter(file => words.length === 0 || words.some(word => file.includes(word)))
        .sort()
