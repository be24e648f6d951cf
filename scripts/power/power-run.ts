import { createHash } from "node:crypto"
import { type Board, type TornOperation, writeSettings } from "../../sim/index.ts"
import { checkStart } from "../../sim/bootloader-check.ts"
import { BootloaderWatch } from "../../sim/bootloader-watch.ts"
import { checkStore, type StoreDamage } from "../../sim/store-format-check.ts"
import type { Job } from "./scenarios.ts"

const BASE_ID = "00c0ffee00c0ffee"
/** Of the machine, which may be busy; the board's own clock does not follow it. */
const DEADLINE_MS = 120_000

/** The board did all its jobs before it came to the operation, or neither came to its end. */
export type CutEnd = "cut" | "done" | "stuck"

/** What a board said of itself at a start, and what ran. */
export interface Start {
    slot: string
    sequence: number
    version: string
    /** "" when it told the truth. */
    lie: string
}

/** First 8 hex digits of the SHA-256 of the image that test/device/power-driver.ts makes. */
function imageSum({ sequence, sizeBytes, deed }: Job): string {
    const image = Buffer.alloc(sizeBytes)
    for (let i = 32; i < sizeBytes; i++) image[i] = i * 7 + sequence * 31
    image.write("HOV1", 0, "latin1")
    image[4] = 1
    image.writeUInt16LE(24, 6)
    Buffer.from(BASE_ID, "hex").copy(image, 8)
    image.writeUInt32LE(sequence, 16)
    image.writeUInt32LE(sizeBytes, 20)
    image[24] = deed
    return createHash("sha256").update(image).digest("hex").slice(0, 8)
}

/** One board that lives through many cuts; the sums of all images that it may run are known. */
export class PowerRun {
    private readonly sums = new Map<string, number>()
    private lines: string[] = []
    private flashBefore: Uint8Array = new Uint8Array(0)

    /** Of the last power-on; none of the first, which begins with writing the program. */
    watch: BootloaderWatch | undefined

    constructor(readonly board: Board) {
        board.onLine(line => {
            this.lines.push(line)
            this.watch?.line(line)
        })
        board.onFlashOperation(operation => this.watch?.operation(operation))
    }

    know(jobs: readonly Job[]) {
        for (const job of jobs)
            for (let sequence = job.sequence; sequence <= (job.last ?? job.sequence); sequence++) this.sums.set(imageSum({ ...job, sequence }), sequence)
    }

    /** Writes the jobs for the next start; false when the log has no room for it. */
    give(jobs: readonly Job[]): boolean {
        this.know(jobs)
        const flash = this.board.flash.contents()
        try {
            writeSettings(flash, { job: jobs.map(job => [job.sequence, job.sizeBytes, job.deed, job.last ?? job.sequence]) })
        } catch (e) {
            if (!String(e).includes("SIM_SETTINGS_FULL")) throw e
            return false
        }
        this.board.flash.load(flash)
        return true
    }

    async on(program?: Uint8Array): Promise<void> {
        this.lines = []
        this.flashBefore = this.board.flash.contents()
        this.watch = this.board.flash.program() && new BootloaderWatch(this.flashBefore)
        await this.board.powerOn(program)
    }

    async off(): Promise<void> {
        await this.board.powerOff()
    }

    /** From power-on to the end of all jobs. */
    async toTheEnd(until?: RegExp): Promise<Start> {
        await this.on()
        if (until) await this.board.waitForLine(until, DEADLINE_MS)
        await this.board.waitForLine(/^> driver done/, DEADLINE_MS)
        await this.off()
        return this.started()
    }

    /** Power-on with a cut at the n-th flash operation. */
    async cutAt(n: number, torn: TornOperation, until?: RegExp): Promise<CutEnd> {
        this.board.flash.resetCounters()
        this.board.cutPowerAtFlashOp(n, torn)
        let forget = () => {}
        const cut = new Promise<CutEnd>(resolve => {
            forget = this.board.onEvent(event => {
                if (event.kind === "powerCut") resolve("cut")
                else if (event.kind === "clockLimit") resolve("stuck")
            })
        })
        await this.on()
        const done = async (): Promise<CutEnd> => {
            if (until) await this.board.waitForLine(until, DEADLINE_MS)
            await this.board.waitForLine(/^> driver done/, DEADLINE_MS)
            return "done"
        }
        const end = await Promise.race([cut, done().catch((): CutEnd => "stuck")])
        forget()
        if (this.board.on) await this.off()
        this.board.cutPowerAtFlashOp(0)
        return end
    }

    /** Deploys the program to a board whose store has formatted itself; whether the store is sound from then on. */
    async isSoundOnceDeployed(program: Uint8Array): Promise<boolean> {
        await this.on(program)
        try {
            await this.board.waitForLine(/HOV prepared/, DEADLINE_MS)
        } finally {
            await this.off()
        }
        return !(await this.formats())
    }

    damage(): StoreDamage {
        return checkStore(this.board.flash.contents())
    }

    /** Whether the store formats at power-on; leaves the board off. */
    async formats(): Promise<boolean> {
        await this.on()
        const line = await this.board.waitForLine(/^fstor: (formatting now|mounted)/, DEADLINE_MS)
        await this.off()
        return line.includes("formatting")
    }

    /** Reads the log of the last power-on: what ran is what the loader says, not what the bootloader does. */
    started(): Start {
        const boots = this.lines.flatMap((line, i) => (line.startsWith("> HOV boot ") ? [i] : []))
        const at = boots.at(-1)
        if (at === undefined) return { slot: "", sequence: -1, version: "", lie: "it did not start" }
        const since = boots.length > 1 ? boots[boots.length - 2] : 0
        const [, slot, version, sequence] = /slot=(\S) v=(\S+) seq=(\d+)/.exec(this.lines[at]) ?? []
        const active = this.lines.slice(since, at).filter(line => line.startsWith("> plain active=") && line.includes("reason=boot")).at(-1)
        const [, ran, sum] = /active=(\d+).*sum=(\w+)/.exec(active ?? "active=0 sum=0") ?? []
        const start: Start = { slot, sequence: Number(sequence), version, lie: "" }
        if (Number(ran) !== start.sequence) start.lie = `it says ${sequence}, and ${ran} runs`
        else if (version !== `1.${sequence}.0`) start.lie = `sequence ${sequence} called ${version}`
        else if (start.sequence !== 0 && this.sums.get(sum) !== start.sequence) start.lie = `image ${sequence} is not whole`
        else if (!this.lines.some(line => line.startsWith(`> driver runs slot=${slot} seq=${sequence} v=${version}`))) start.lie = "the app was told otherwise"
        const [broken] = this.watch?.findings ?? []
        if (!start.lie && broken) start.lie = `promise ${broken.promise}: ${broken.message}`
        // one start and no update: all that changed in the flash is the bootloader's doing at that start. One after a crash
        // may have written already and not said so yet
        const vmStarts = this.lines.filter(line => line.startsWith("* start: program")).length
        if (!start.lie && boots.length === 1 && vmStarts === 1 && !this.board.on && !this.lines.some(line => line.startsWith("> HOV command") || line.startsWith("> HOV swap"))) {
            const [finding] = checkStart(this.flashBefore, this.board.flash.contents(), this.lines[at])
            if (finding) start.lie = `promise ${finding.promise}: ${finding.message}`
        }
        return start
    }

    lastLines(): string {
        return this.lines.slice(-12).join("\n      ")
    }
}
