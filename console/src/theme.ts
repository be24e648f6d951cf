/** Light, dark, or as the system says; remembered in this browser. */
export type Theme = "auto" | "light" | "dark"

const KEY = "handover-theme"
const ORDER: readonly Theme[] = ["auto", "light", "dark"]

export function readTheme(): Theme {
    const kept = localStorage.getItem(KEY) as Theme | null
    return kept !== null && ORDER.includes(kept) ? kept : "auto"
}

export const nextTheme = (theme: Theme): Theme => ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length]

export function setTheme(theme: Theme): void {
    localStorage.setItem(KEY, theme)
    applyTheme(theme)
}

export function applyTheme(theme: Theme): void {
    if (theme === "auto") delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
}
