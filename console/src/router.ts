/** Where one is: the part of the address after `#`, so that the server needs to know no page. */
import { useEffect, useState } from "preact/hooks"

export interface Place {
    readonly parts: readonly string[]
    readonly query: URLSearchParams
}

export function readPlace(hash: string): Place {
    const [path, search = ""] = hash.replace(/^#\/?/, "").split("?")
    return { parts: path.split("/").filter(part => part !== "").map(decodeURIComponent), query: new URLSearchParams(search) }
}

export function usePlace(): Place {
    const [place, setPlace] = useState(() => readPlace(location.hash))
    useEffect(() => {
        const moved = (): void => setPlace(readPlace(location.hash))
        addEventListener("hashchange", moved)
        return () => removeEventListener("hashchange", moved)
    }, [])
    return place
}

export function href(...parts: readonly string[]): string {
    return `#/${parts.map(encodeURIComponent).join("/")}`
}

export function withQuery(address: string, query: Readonly<Record<string, string>>): string {
    const given = Object.entries(query).filter(([, value]) => value !== "")
    return given.length === 0 ? address : `${address}?${new URLSearchParams(given)}`
}

export function go(address: string, replace = false): void {
    if (replace) location.replace(address)
    else location.hash = address
}
