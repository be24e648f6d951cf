import { accumulatorSlot, frameSlots, registerCount } from "../executor/frame.ts"
import { capturedUses } from "../link/captured-places.ts"
import type { LinkedBase } from "../link/link-base.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { RefusalSignal } from "../translate/refusal.ts"
import type { Match } from "./match.ts"

/**
 * Where the variables of a function that inner functions use have to be. Inner functions of the base, and closures made
 * before the update, look in the base's slots: a variable that the base has keeps its place; a new one gets one that no
 * inner function of the base looks in.
 */
export class CapturedVariables {
    private readonly base: Pick<LinkedBase, "program" | "places">
    private readonly next: CompiledProgram
    private readonly match: Match
    /** owner in the new build -> its slots that inner functions use */
    private readonly captured = new Map<number, Set<number>>()
    private readonly baseCaptured = new Map<number, Set<number>>()
    private readonly known = new Map<number, Map<number, number>>()

    constructor(base: Pick<LinkedBase, "program" | "places">, next: CompiledProgram, match: Match) {
        this.base = base
        this.next = next
        this.match = match
        for (const f of next.functions) for (const u of capturedUses(next, f)) addTo(this.captured, u.owner, u.slot)
        for (const f of base.program.functions)
            for (const u of capturedUses(base.program, f)) addTo(this.baseCaptured, u.owner, base.places.placeOf(u.owner, u.slot))
    }

    /** slot in the new build -> place in the frame */
    of(owner: number): Map<number, number> {
        let places = this.known.get(owner)
        if (!places) this.known.set(owner, (places = this.find(this.next.functions[owner])))
        return places
    }

    isAssignedByInner(owner: number, slot: number): boolean {
        return this.next.functions.some(f => capturedUses(this.next, f).some(u => u.isStore && u.owner === owner && u.slot === slot))
    }

    /**
     * Where a variable is that an inner function names as `levels` frames further out. Between an inner function that the
     * base does not have and the frame that it closes over stands the one that holds its code.
     */
    place(from: ProgramFunction, slot: number, levels: number): { slot: number; levels: number } {
        let owner: number | undefined = from.index
        let frames = 0
        for (let i = 0; i < levels && owner !== undefined; i++) {
            frames += this.match.functions.has(owner) ? 1 : 2
            owner = this.next.functions[owner].creator
        }
        const place = owner === undefined ? undefined : this.of(owner).get(slot)
        if (place === undefined) throw new Error(`slot ${slot} is not captured`)
        const isOld = this.match.functions.has(from.index) && this.match.functions.has(owner!)
        if (isOld && this.baseSlot(this.next.functions[owner!], slot) === undefined)
            throw new RefusalSignal("HOV108", `closures made before the update have no variable ${this.nameOf(owner!, slot)}`, 0)
        return { slot: place, levels: frames }
    }

    private find(owner: ProgramFunction): Map<number, number> {
        const places = new Map<number, number>()
        const slots = [...(this.captured.get(owner.index) ?? [])]
        const baseIndex = this.match.functions.get(owner.index)
        const ofBase = new Set(baseIndex === undefined ? [] : this.baseCaptured.get(baseIndex))
        const taken = new Set(ofBase)
        for (let p = 0; p < owner.devs.args; p++) taken.add(p)
        for (const slot of slots) {
            const before = this.baseSlot(owner, slot)
            const place = before === undefined ? undefined : this.base.places.placeOf(baseIndex!, before)
            const isKept = place !== undefined && (ofBase.has(place) || this.isUsedByOld(owner.index, slot))
            const isParameter = slot < owner.devs.args
            if (isKept && isParameter && place !== slot)
                throw new RefusalSignal("HOV108", `parameter ${this.nameOf(owner.index, slot)}, which an inner function uses, has another position`, 0)
            if (isParameter) places.set(slot, slot)
            else if (isKept) places.set(slot, place)
        }
        for (const place of places.values()) taken.add(place)
        for (const slot of slots) {
            if (!places.has(slot)) {
                const free = Array.from({ length: registerCount }, (_, r) => registerCount - 1 - r).find(r => !taken.has(r))
                if (free !== undefined) {
                    taken.add(free)
                    places.set(slot, free)
                }
            }
            const place = places.get(slot)
            if (place === undefined || (place >= accumulatorSlot && place < frameSlots))
                throw new RefusalSignal("HOV108", `no place is left for variable ${this.nameOf(owner.index, slot)}, which an inner function uses`, 0)
        }
        return places
    }

    /** Whether code of closures made before the update uses the variable. */
    private isUsedByOld(owner: number, slot: number): boolean {
        return this.next.functions.some(
            f => this.match.functions.has(f.index) && capturedUses(this.next, f).some(u => u.owner === owner && u.slot === slot),
        )
    }

    /** Slot of the same variable in the base: variables of one name are told apart by their order. */
    private baseSlot(owner: ProgramFunction, slot: number): number | undefined {
        const baseIndex = this.match.functions.get(owner.index)
        if (baseIndex === undefined) return undefined
        const before = this.base.program.functions[baseIndex].debug.slots
        const slots = owner.debug.slots
        const name = slots[slot]?.name
        const ordinal = slots.slice(0, slot).filter(s => s.name === name).length
        const found = before.flatMap((s, i) => (s.name === name ? [i] : []))[ordinal]
        return found
    }

    private nameOf(owner: number, slot: number): string {
        return this.next.functions[owner].debug.slots[slot]?.name ?? String(slot)
    }
}

function addTo(map: Map<number, Set<number>>, key: number, value: number): void {
    const set = map.get(key)
    if (set) set.add(value)
    else map.set(key, new Set([value]))
}
