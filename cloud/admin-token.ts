import path from "node:path"
import { fileOnce } from "./file-once.ts"
import { newId } from "./ids.ts"
import type { Store } from "./store/store.ts"
import { hashToken, newToken, TOKEN_PATTERN } from "./tokens.ts"
import { WrongOption } from "./wrong-option.ts"

export const ADMIN_TOKEN_FILE = "admin.token"
const ADMIN_TOKEN_ID = "t-first-admin"

/**
 * The first admin's token: the caller's, or the one in the data folder, which is made
 * at the first start and readable by its owner only.
 */
export async function adminTokenOf(dataDir: string, given: string | undefined): Promise<string> {
    if (given !== undefined) {
        if (!new RegExp(TOKEN_PATTERN).test(given))
            throw new WrongOption("the first admin's token (HANDOVER_ADMIN_TOKEN) must be 16 to 128 characters out of A-Z a-z 0-9 . _ ~ + / = -")
        return given
    }
    const file = path.join(dataDir, ADMIN_TOKEN_FILE)
    const token = (await fileOnce(file, () => `${newToken()}\n`)).trim()
    if (!new RegExp(TOKEN_PATTERN).test(token)) throw new WrongOption(`${file} has no token: remove it, and the next start makes another one`)
    return token
}

/**
 * Makes the token valid. In an embedded store one given earlier by the same way ends; where several
 * processes share a database each has its own, and one that is not wanted any more is revoked.
 */
export async function installAdminToken(store: Store, token: string, nowMs: number): Promise<void> {
    const hash = hashToken(token)
    await store.write(async repos => {
        if ((await repos.tokens.findByHash(hash))?.role === "admin") return
        if (await repos.tokens.hashExists(hash)) throw new WrongOption("the first admin's token (HANDOVER_ADMIN_TOKEN) was revoked or belongs to somebody else: choose another one")
        if (store.kind === "sqlite") await repos.tokens.revoke({ id: ADMIN_TOKEN_ID }, nowMs)
        const id = (await repos.tokens.get(ADMIN_TOKEN_ID)) === undefined ? ADMIN_TOKEN_ID : newId(`${ADMIN_TOKEN_ID}-`, nowMs).slice(0, 40)
        await repos.tokens.insert({
            id,
            hash,
            role: "admin",
            name: "first admin",
            createdAtMs: nowMs,
            createdBy: "server",
        })
    })
}
