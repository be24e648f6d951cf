/** The class of `services/native-cloud.md` in a compiled program, and the one of the firmware's own service. */
const OURS = 0x1a5de6b2
const CLOUD_CONFIGURATION = 0x1462eefc

/**
 * The compiler leaves out clients of services that it calls infrastructure, the native cloud adapter's among them. The
 * program's client has a class of its own until here; binding goes by the class alone. It stands in the table of
 * specifications, little-endian, and as a literal in the code that makes the role, big-endian. Changes `file`.
 */
export function bindNativeCloud(file: Buffer): void {
    replace(file, le(OURS), le(CLOUD_CONFIGURATION))
    replace(file, be(OURS), be(CLOUD_CONFIGURATION))
}

function replace(file: Buffer, from: Buffer, to: Buffer): void {
    for (let at = file.indexOf(from); at >= 0; at = file.indexOf(from, at + 4)) file.set(to, at)
}

function le(n: number): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(n)
    return bytes
}

const be = (n: number): Buffer => le(n).reverse()
