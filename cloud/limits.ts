/** Every limit of the server in one place; the numbers are part of the API's description. */
export const LIMITS = {
    /** One poll's JSON body. */
    pollBodyBytes: 2 * 1024,
    /** One status post's JSON body: diagnostics included. */
    statusBodyBytes: 8 * 1024,
    /** One JSON body of the operator API; lists of devices are the largest. */
    operatorBodyBytes: 1024 * 1024,
    /** One artifact file: the largest program slot is 224 KB. */
    artifactBodyBytes: 256 * 1024,
    /** A base's bundle: the program and its debug information, packed. */
    bundleBodyBytes: 8 * 1024 * 1024,
    /** The map of one image. */
    mapBodyBytes: 1024 * 1024,
    /** One file for DDI devices; it is held in memory while it is taken and given out. */
    fileBodyBytes: 256 * 1024 * 1024,
    /** What a DDI device sends: feedback and what it says about itself. */
    ddiBodyBytes: 32 * 1024,
    /** All headers of a request. */
    headerBytes: 8 * 1024,
    holdMaxS: 60,
    pageSize: 500,
    pageSizeDefault: 100,
    /** Devices added, or named, in one request. */
    devicesPerRequest: 1_000,
    attributesPerDevice: 32,
    sseListeners: 64,
    /** Polls and status posts of one device: sustained rate, and what may come at once. */
    deviceRequestsPerS: 20,
    deviceRequestBurst: 60,
    /** Requests of one token to the operator API, and for blobs. */
    tokenRequestsPerS: 200,
    tokenRequestBurst: 1_000,
    /** Wrong tokens or claim codes of one address in a window, before it is locked out. */
    guessesPerWindow: 30,
    guessWindowMs: 60_000,
    guessLockMs: 60_000,
    guessersKept: 10_000,
    /** A client that sends its request slower than this is cut off. */
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    keepAliveTimeoutMs: 75_000,
    /** Connections that wait to be accepted: a fleet that comes back at once. */
    backlog: 4_096,
    /** Lines of one device's log: in one request, each, and kept. */
    logLinesPerRequest: 32,
    logLineChars: 256,
    logLinesKept: 500,
    logBodyBytes: 12 * 1024,
    /** Reasons why a release has no image for a base. */
    refusalsPerBase: 200,
    /** Events kept for listeners that come back. */
    eventsKept: 200_000,
    /** Blobs kept in memory, so that a fleet that fetches one image reads the disk once. */
    blobCacheBytes: 32 * 1024 * 1024,
} as const
