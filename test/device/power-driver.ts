// The `main.ts` of boards in power sweeps: no server; makes the image that the setting `job` (`[[sequence, size, deed, last sequence], ...]`) asks for and gives it to
// the updater as the bus does. Says on the serial log what runs, and how the update ended.
import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
import { readSetting } from "@devicescript/settings"
import { startResident } from "./resident"
import { running, runningSequence, runningVersion, slotName } from "./bootloader/boot"
import { baseId } from "./hotswap"
import { changes, send } from "./dfu/actor"
import { Ev, Job, Phase, phaseNames } from "./dfu/updater-state"

const SIGNATURE_BYTES = 64

function imageOf(sequence: number, size: number, deed: number) {
    const image = Buffer.alloc(size)
    for (let i = 32; i < size; ++i) image[i] = i * 7 + sequence * 31
    image.setAt(0, "u32", 0x31564f48)
    image[4] = 1
    image.setAt(6, "u16", 24)
    image.blitAt(8, Buffer.from(baseId(), "hex"), 0, 8)
    image.setAt(16, "u32", sequence)
    image.setAt(20, "u32", size)
    image[24] = deed
    return image
}

function jobOf(sequence: number, size: number, deed: number): Job {
    const image = imageOf(sequence, size, deed)
    const imageDigest = digest("sha256", image)
    const manifest = Buffer.alloc(80)
    manifest.setAt(0, "u32", 0x4d564f48)
    manifest[4] = 1
    manifest.blitAt(8, Buffer.from(baseId(), "hex"), 0, 8)
    manifest.setAt(16, "u32", sequence)
    manifest.setAt(20, "u32", size)
    manifest.blitAt(32, imageDigest, 0, 32)
    const version = `1.${sequence}.0`
    manifest.blitAt(64, version, 0, version.length)
    return {
        id: "power",
        version,
        manifest: manifest.toString("hex"),
        signatureDigest: "",
        signatureSizeBytes: SIGNATURE_BYTES,
        imageDigest: imageDigest.toString("hex"),
        imageSizeBytes: size,
        source: async (ofImage, offset, n) => (ofImage ? image.slice(offset, offset + n) : Buffer.alloc(n)),
    }
}

function say(what: string) {
    console.log(`driver ${what} slot=${slotName(running.slot)} seq=${runningSequence()} v=${runningVersion()} ram=${running.fromRam}`)
}

await startResident()
say("runs")
let ended = false
changes.subscribe(s => {
    if (s.phase < Phase.Confirmed) return
    ended = true
    say(`end=${phaseNames[s.phase]} code=${s.code}`)
})

async function install(sequence: number, size: number, deed: number) {
    if (runningSequence() === sequence) return
    // a rollback at the start is reported first
    await ds.sleep(20)
    ended = false
    send({ kind: Ev.Update, job: jobOf(sequence, size, deed) })
    while (!ended) await ds.sleep(20)
}

const jobs: number[][] = await readSetting("job", [])
for (const job of jobs) for (let n = job[0]; n <= job[3]; ++n) await install(n, job[1], job[2])
// what a start still has to write comes meanwhile
await ds.sleep(1000)
say("done")
