/** The databases that the store runs on; migrations and bulk statements differ in a few words. */
export type DialectName = "sqlite" | "postgres"
