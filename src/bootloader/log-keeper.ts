import * as ds from "@devicescript/core"
import { hov } from "./log"
import { readValue, writeValue } from "./store"

/*
 * The store's log has two banks. A power cut in a write makes it format the first one; when
 * it was the second that was torn, that one stays, counts as the newer, and every start
 * formats again, also after the program was deployed anew. Only a GC erases it.
 *
 * So the first start of a program on a store that does not know us forces a GC: it fills
 * the log until it must have happened. The filler is all ones, which is what erased flash
 * is: its value programs nothing, so only its 24-byte entry is exposed to a power cut.
 */

const KEY = "hLog"
/** As large as can be read back, in two sizes in turn: what is there already is not written. */
const FILL_BYTES = 215
/** Together more than the larger chip's bank of 16 KB. */
const FILLS = 70
const WRITE_MS = 1000
const PAUSE_MS = 20

/** Needs doing once in the life of a store; waits for `mayWrite` before every write. */
export async function prepareLog(mayWrite: () => boolean) {
    const mark = await readValue(KEY, ds.millis() + WRITE_MS)
    if (!mark || mark.length === 1) return
    for (let i = 0; i <= FILLS; ++i) {
        while (!mayWrite()) await ds.sleep(PAUSE_MS)
        // the last one is the mark, and gives the room back
        const size = i === FILLS ? 1 : FILL_BYTES - (i & 1)
        const filler = Buffer.alloc(size)
        filler.fillAt(0, size, 255)
        if (!(await writeValue(KEY, filler, ds.millis() + WRITE_MS))) return
        await ds.sleep(PAUSE_MS)
    }
    hov("prepared", `writes=${FILLS + 1}`)
}
