/** Signature Version 4 of S3-compatible stores: the Authorization header of one request. */
import { createHash, createHmac } from "node:crypto"

export interface Credentials {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
}

export interface RequestToSign {
    readonly method: string
    readonly url: URL
    /** Further headers that are signed; names in lower case. */
    readonly headers: Readonly<Record<string, string>>
    readonly payloadSha256: string
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest()

/** All headers to send, signature included; `nowMs` is when. The path must be encoded as S3 wants it. */
export function signV4(request: RequestToSign, credentials: Credentials, region: string, nowMs: number): Record<string, string> {
    const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, "")
    const day = stamp.slice(0, 8)
    const headers: Record<string, string> = {
        ...request.headers,
        host: request.url.host,
        "x-amz-content-sha256": request.payloadSha256,
        "x-amz-date": stamp,
        ...(credentials.sessionToken === undefined ? {} : { "x-amz-security-token": credentials.sessionToken }),
    }
    const names = Object.keys(headers).sort()
    const canonical = [
        request.method,
        request.url.pathname,
        [...request.url.searchParams].map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).sort().join("&"),
        ...names.map(name => `${name}:${headers[name].trim()}`),
        "",
        names.join(";"),
        request.payloadSha256,
    ].join("\n")
    const scope = `${day}/${region}/s3/aws4_request`
    const toSign = ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n")
    const key = [day, region, "s3", "aws4_request"].reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`)
    const signature = createHmac("sha256", key).update(toSign).digest("hex")
    return {
        ...headers,
        authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope},SignedHeaders=${names.join(";")},Signature=${signature}`,
    }
}
