import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { optionsFromEnvironment } from "../cloud/index.ts"
import { CachedBlobs } from "../cloud/store/blobs.ts"
import { parseS3Url, S3Blobs } from "../cloud/store/s3-blobs.ts"
import { signV4 } from "../cloud/store/sign-v4.ts"
import { call, openCloud, publish, sha256, TestDevice } from "./support/cloud.ts"

const KEY = { accessKeyId: "test-key", secretAccessKey: "test-secret" }

/** An S3 store in memory: it checks each request's signature and payload, and fails as told. */
class Bucket {
    readonly objects = new Map<string, Buffer>()
    readonly requests: string[] = []
    failures = 0
    #server = createServer((request, response) => {
        const parts: Buffer[] = []
        request.on("data", part => parts.push(part))
        request.on("end", () => {
            const body = Buffer.concat(parts)
            const end = (status: number, bytes: Uint8Array | string = "") => response.writeHead(status, { "content-length": bytes.length }).end(request.method === "HEAD" ? undefined : bytes)
            this.requests.push(`${request.method} ${request.url}`)
            if (this.failures > 0) {
                this.failures--
                return end(503, "<Error><Code>SlowDown</Code></Error>")
            }
            if (!this.#isSigned(request.method!, request.url!, request.headers as Record<string, string>, body)) return end(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")
            if (request.method === "PUT") {
                this.objects.set(request.url!, body)
                return end(200)
            }
            const found = this.objects.get(request.url!)
            return found === undefined ? end(404, "<Error><Code>NoSuchKey</Code></Error>") : end(200, found)
        })
    })

    static async open(): Promise<Bucket> {
        const bucket = new Bucket()
        await new Promise<void>(resolve => bucket.#server.listen(0, "127.0.0.1", resolve))
        return bucket
    }

    get options() {
        return parseS3Url(`s3://fleet/some/where?endpoint=http://127.0.0.1:${(this.#server.address() as AddressInfo).port}&region=eu-west-9`, {
            AWS_ACCESS_KEY_ID: KEY.accessKeyId,
            AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
        })
    }

    close(): void {
        this.#server.closeAllConnections()
        this.#server.close()
    }

    #isSigned(method: string, path: string, headers: Record<string, string>, body: Buffer): boolean {
        if (headers["x-amz-content-sha256"] !== sha256(body)) return false
        const stamp = headers["x-amz-date"]
        const atMs = Date.parse(stamp.replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5"))
        if (Math.abs(atMs - Date.now()) > 60_000) return false
        const names = /SignedHeaders=([^,]+)/.exec(headers.authorization)![1].split(";").filter(name => !name.startsWith("x-amz-") && name !== "host")
        const expected = signV4(
            { method, url: new URL(path, `http://${headers.host}`), headers: Object.fromEntries(names.map(name => [name, headers[name]])), payloadSha256: sha256(body) },
            KEY,
            "eu-west-9",
            atMs,
        )
        return expected.authorization === headers.authorization
    }
}

const test = suite<{ bucket: Bucket }>("cloud: blobs in an S3 bucket")
test.before.each(async context => {
    context.bucket = await Bucket.open()
})
test.after.each(context => context.bucket.close())

test("the signature is that of Amazon's published example", () => {
    const { authorization } = signV4(
        {
            method: "GET",
            url: new URL("https://examplebucket.s3.amazonaws.com/test.txt"),
            headers: { range: "bytes=0-9" },
            payloadSha256: sha256(Buffer.alloc(0)),
        },
        { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
        "us-east-1",
        Date.UTC(2013, 4, 24),
    )
    assert.is(
        authorization,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," +
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    )
})

test("a blob is put once, read once however many ask, and checked against its name", async ({ bucket }) => {
    const blobs = new CachedBlobs(new S3Blobs(bucket.options), 10_000)
    const bytes = randomBytes(300)
    const digest = await blobs.put(bytes)
    assert.is(await blobs.put(bytes), digest)
    assert.is(bucket.requests.filter(request => request.startsWith("PUT")).length, 1)
    const reads = await Promise.all(Array.from({ length: 50 }, () => blobs.get(digest)))
    assert.ok(reads.every(read => bytes.equals(read!)))
    assert.is(bucket.requests.filter(request => request.startsWith("GET")).length, 1)
    assert.is(await blobs.get("0".repeat(64)), undefined)

    for (const key of bucket.objects.keys()) bucket.objects.set(key, Buffer.from("something else"))
    const other = new CachedBlobs(new S3Blobs(bucket.options), 10_000)
    assert.match(await other.get(digest).then(() => "taken", error => error.message), /damaged/)
})

test("a bucket that is busy is asked again, one that refuses says why, one that is away is named", async ({ bucket }) => {
    const blobs = new S3Blobs(bucket.options)
    const bytes = randomBytes(20)
    bucket.failures = 2
    await blobs.put(sha256(bytes), bytes)
    assert.is(bucket.objects.size, 1)
    const stranger = new S3Blobs({ ...bucket.options, credentials: { ...KEY, secretAccessKey: "wrong" } })
    assert.match(await stranger.get(sha256(bytes)).catch(error => error.message), /HTTP 403 SignatureDoesNotMatch/)
    bucket.close()
    assert.match(await blobs.get(sha256(bytes)).catch(error => error.message), /does not answer/)
})

test("a server keeps its images there, and a device fetches them as ever", async ({ bucket }) => {
    const cloud = await openCloud({ s3: bucket.options })
    const { image } = await publish(cloud, "1.1.0", { sizeBytes: 400 })
    assert.is(bucket.objects.size, 2)
    const device = await TestDevice.add(cloud, "d")
    const part = await call(`${cloud.url}/v1/blobs/${image}?offset=100&length=50`, { token: device.token })
    assert.is(part.bytes.length, 50)
    assert.ok([...bucket.objects.keys()].every(key => key.startsWith("/fleet/some/where/")))
    device.close()
    await cloud.done()
})

test("the environment says where things are, and what is missing", () => {
    assert.equal(optionsFromEnvironment({}), {})
    const all = optionsFromEnvironment({ DATABASE_URL: "postgres://x", HANDOVER_BLOBS: "s3://b", AWS_ACCESS_KEY_ID: "i", AWS_SECRET_ACCESS_KEY: "s", AWS_REGION: "eu-west-9" })
    assert.is(all.databaseUrl, "postgres://x")
    assert.is(all.s3?.endpoint, "https://s3.eu-west-9.amazonaws.com")
    assert.throws(() => optionsFromEnvironment({ HANDOVER_BLOBS: "s3://b" }), /AWS_ACCESS_KEY_ID/)
    assert.throws(() => optionsFromEnvironment({ HANDOVER_BLOBS: "/tmp/x" }))
    assert.equal(optionsFromEnvironment({ HANDOVER_PUBLIC_URL: "https://fleet.example.org/" }), { publicUrl: "https://fleet.example.org" })
    assert.throws(() => optionsFromEnvironment({ HANDOVER_PUBLIC_URL: "fleet.example.org" }), /HANDOVER_PUBLIC_URL/)
})

test.run()
