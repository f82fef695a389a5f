// The signatures of `@std/path` that the tests use.

export declare function basename(path: string, suffix?: string): string;

export declare function dirname(path: string): string;

export declare function fromFileUrl(url: URL | string): string;

export declare function join(path: string, ...paths: string[]): string;
