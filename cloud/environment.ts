import { parseTenants } from "./ddi/tenants.ts"
import { parseHawkbit } from "./hawkbit/options.ts"
import type { CloudOptions } from "./options.ts"
import { parseS3Url } from "./store/s3-blobs.ts"
import { WrongOption } from "./wrong-option.ts"

/** `embedded`: SQLite, or PostgreSQL with DATABASE_URL. */
const STORES: ReadonlySet<string> = new Set(["embedded", "hawkbit"])

/**
 * What a server takes from its environment:
 *
 * - `DATABASE_URL`: PostgreSQL in the place of the embedded database
 * - `HANDOVER_BLOBS`: `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`, with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`
 * - `HANDOVER_ADMIN_TOKEN`: the first admin's token
 * - `HANDOVER_SECRET_KEY`: 64 hex digits; servers that share a database need the same
 * - `HANDOVER_PUBLIC_URL`: how devices and another server reach this one, when a proxy is in front of it
 * - `HANDOVER_DDI`: `NAME:TOKEN,…`, the tenants of hawkBit's device interface and their gateway tokens
 * - `HANDOVER_STORE`: `hawkbit` puts hawkBit behind this server; see cloud/hawkbit/options.ts for `HAWKBIT_URL` and the like
 *
 * @throws WrongOption that says which variable is wrong
 */
export function optionsFromEnvironment(env: Readonly<Record<string, string | undefined>>): Partial<CloudOptions> {
    const { HANDOVER_STORE: store } = env
    if (store && !STORES.has(store)) throw new WrongOption(`HANDOVER_STORE must be one of ${[...STORES].join(", ")}`)
    if (env.DATABASE_URL && !/^postgres(ql)?:\/\/./.test(env.DATABASE_URL)) throw new WrongOption("DATABASE_URL must be postgres://USER:PASSWORD@HOST:PORT/DATABASE")
    return {
        ...(env.DATABASE_URL ? { databaseUrl: env.DATABASE_URL } : {}),
        ...(env.HANDOVER_BLOBS ? { s3: parseS3Url(env.HANDOVER_BLOBS, env) } : {}),
        ...(env.HANDOVER_ADMIN_TOKEN ? { adminToken: env.HANDOVER_ADMIN_TOKEN } : {}),
        ...(env.HANDOVER_SECRET_KEY ? { secretKey: env.HANDOVER_SECRET_KEY } : {}),
        ...(env.HANDOVER_PUBLIC_URL ? { publicUrl: parsePublicUrl(env.HANDOVER_PUBLIC_URL) } : {}),
        ...(store === "hawkbit" ? { hawkbit: parseHawkbit(env) } : {}),
        ...(env.HANDOVER_DDI ? { ddi: { tenants: parseTenants(env.HANDOVER_DDI) } } : {}),
    }
}

/** Without a slash at its end: paths are put behind it. */
function parsePublicUrl(text: string): string {
    if (!/^https?:\/\//.test(text) || !URL.canParse(text)) throw new WrongOption("HANDOVER_PUBLIC_URL must be http://HOST[:PORT] or https://HOST[:PORT]")
    return text.replace(/\/+$/, "")
}
