import * as ds from "@devicescript/core"
import { describe, expect, test } from "@devicescript/test"
import { isBusy, mayBegin, noteDate, setAsked, setBusyFlag, setPolicy } from "./policy"

describe("when an update may begin", () => {
    test("under auto at once, but not while the app is busy", () => {
        setPolicy("auto")
        expect(mayBegin()).toBe(true)
        setBusyFlag(true)
        expect(mayBegin()).toBe(false)
        expect(isBusy()).toBe(true)
        setBusyFlag(false)
        expect(mayBegin()).toBe(true)
    })
    test("under ask when the app asks", () => {
        setPolicy("ask")
        expect(mayBegin()).toBe(false)
        setAsked(true)
        expect(mayBegin()).toBe(true)
        setAsked(false)
    })
    test("in a window only once the server has told the time, and only in it", async () => {
        setPolicy("01:00-04:30")
        expect(mayBegin()).toBe(false)
        noteDate(" sat, 21 nov 2026 00:58:30 gmt")
        expect(mayBegin()).toBe(false)
        await ds.sleep(150000)
        expect(mayBegin()).toBe(true)
        await ds.sleep(4 * 3600 * 1000)
        expect(mayBegin()).toBe(false)
    })
    test("in a window over midnight", () => {
        setPolicy("23:00-02:00")
        noteDate(" sat, 21 nov 2026 23:30:00 gmt")
        expect(mayBegin()).toBe(true)
        noteDate(" sat, 21 nov 2026 12:00:00 gmt")
        expect(mayBegin()).toBe(false)
    })
})
