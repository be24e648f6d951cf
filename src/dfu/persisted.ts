import * as ds from "@devicescript/core"
import { onActivate } from "../bootloader/activation"
import { hov } from "../bootloader/log"
import { readValue, storeReady, VALUE_MAX_BYTES, writeValue } from "../bootloader/store"
import { bringUpWhole, bringUpSaved, schemaOf } from "../hotswap/migration"
import { coldHook } from "./cold-hook"

/*
 * Objects whose fields outlive the program: a restart, an update, a new base. The values carry the version of their layout,
 * which is the highest `to` of the `migrate` rules of their class (1 without any), and the same rules bring an old one up:
 *
 *     class Meter { totalWh = 0 }
 *     migrate(Meter, { to: 2, up: m => { m.totalWh = m.total * 1000; delete m.total }, down: … })
 *     const meter = await persist("meter", new Meter())
 *
 *   hP<name> = {"v":2,"s":{"totalWh":5000}}
 *   hQ<name> = what hP<name> was before its version changed: for the code before, should it come back without a word
 */
const READ_MS = 1500

interface Kept {
    name: string
    object: any
    /** of what the store has; 0: nothing */
    version: number
    text: string
}

let kept: Kept[]

async function read(key: string): Promise<string> {
    const endMs = ds.millis() + READ_MS
    if (!(await storeReady(endMs))) return ""
    return ((await readValue(key, endMs)) || Buffer.alloc(0)).toString()
}

/** Undefined for what is no value of ours, or of a newer layout than this program's. */
function usable(text: string, name: string, version: number): any {
    if (!text) return undefined
    let saved: any
    try {
        saved = JSON.parse(text)
    } catch (e) {
        saved = undefined
    }
    const code = !saved || !saved.v || !saved.s ? "HOV_STATE_BAD" : saved.v > version ? "HOV_STATE_NEWER" : ""
    if (!code) return saved
    hov("persist", `name=${name} code=${code}`)
    return undefined
}

/**
 * Gives an object the fields that were saved under this name, of at most 11 letters, and keeps them from now on: `saveState`
 * saves them, and so does what would lose them, a new base. Returns the object. Throws what `up` throws; the value that is
 * saved is then as it was.
 */
export async function persist<T>(name: string, object: T): Promise<T> {
    if (!kept) {
        kept = []
        coldHook.save = async () => await saveAll(false)
        onActivate(async ({ reason }) => {
            // `down` has brought the objects back to the layout of the code before
            if (reason === "rollback") await saveAll(true)
        })
    }
    const version = schemaOf(object)
    const text = await read("hP" + name)
    const saved = usable(text, name, version) || (text ? usable(await read("hQ" + name), name, version) : undefined)
    if (saved) {
        bringUpSaved(object, saved.s, saved.v)
        Object.assign(object as any, saved.s)
    }
    kept.push({ name, object, version: saved ? saved.v : 0, text })
    return object
}

/** False when the store does not hold the object's fields afterwards: they may be too many for one value of 215 bytes. */
export async function saveState(object: any): Promise<boolean> {
    for (const k of kept || []) if (k.object === object) return await save(k)
    return false
}

async function save(k: Kept): Promise<boolean> {
    bringUpWhole(k.object)
    const version = schemaOf(k.object)
    const text = JSON.stringify({ v: version, s: k.object })
    const value = Buffer.from(text)
    if (value.length > VALUE_MAX_BYTES) return false
    const endMs = ds.millis() + READ_MS
    if (version > k.version && k.version && !(await writeValue("hQ" + k.name, Buffer.from(k.text), endMs))) return false
    if (!(await writeValue("hP" + k.name, value, endMs))) return false
    k.version = version
    k.text = text
    return true
}

/** @param isChanged only those that the store has in another layout than the program */
async function saveAll(isChanged: boolean): Promise<boolean> {
    let ok = true
    for (const k of kept) if (!isChanged || (k.version && k.version !== schemaOf(k.object))) ok = (await save(k)) && ok
    return ok
}
