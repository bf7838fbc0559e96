import type { ComponentChildren } from "preact";
import type { Domain } from "../model/reading.ts";

function Stroked({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      {children}
    </svg>
  );
}

export const SunIcon = () => (
  <Stroked>
    <circle cx="10" cy="10" r="3.4" />
    <path d="M10 2.2v1.9M10 15.9v1.9M2.2 10h1.9M15.9 10h1.9M4.5 4.5l1.3 1.3M14.2 14.2l1.3 1.3M15.5 4.5l-1.3 1.3M5.8 14.2l-1.3 1.3" />
  </Stroked>
);

export const MoonIcon = () => (
  <Stroked>
    <path d="M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7Z" />
  </Stroked>
);

export const PlusIcon = () => (
  <Stroked>
    <path d="M10 4.5v11M4.5 10h11" />
  </Stroked>
);

export const MinusIcon = () => (
  <Stroked>
    <path d="M4.5 10h11" />
  </Stroked>
);

export const FitIcon = () => (
  <Stroked>
    <path d="M3.5 7.5v-4h4M16.5 7.5v-4h-4M3.5 12.5v4h4M16.5 12.5v4h-4" />
    <circle cx="10" cy="10" r="1.6" />
  </Stroked>
);

export const CloseIcon = () => (
  <Stroked>
    <path d="M5 5l10 10M15 5L5 15" />
  </Stroked>
);

export const SearchIcon = () => (
  <Stroked>
    <circle cx="8.8" cy="8.8" r="5" />
    <path d="M12.5 12.5l4 4" />
  </Stroked>
);

export const PlayIcon = () => (
  <Stroked>
    <path d="M6.5 4.5v11l9-5.5Z" />
  </Stroked>
);

export const PauseIcon = () => (
  <Stroked>
    <path d="M7 4.5v11M13 4.5v11" />
  </Stroked>
);

export const AlertIcon = () => (
  <Stroked>
    <path d="M4.5 14.5h11l-1.6-2.4V9a3.9 3.9 0 0 0-7.8 0v3.1ZM8.4 17h3.2" />
  </Stroked>
);

export const DevicesIcon = () => (
  <Stroked>
    <path d="M3.5 4.5h13M3.5 10h13M3.5 15.5h13" />
  </Stroked>
);

/** A battery that is nearly empty. */
export function BatteryIcon({ percent }: { percent: number }) {
  return (
    <svg class="battery" viewBox="0 0 18 10" role="img" aria-label={`battery ${Math.round(percent)} %`}>
      <rect x="0.6" y="0.6" width="14.4" height="8.8" rx="2" />
      <path d="M16.8 3.3v3.4" />
      <rect class="level" x="2.2" y="2.2" width={Math.max(1, (percent / 100) * 11.2)} height="5.6" rx="0.8" />
    </svg>
  );
}

const domainPaths: Readonly<Record<Domain, string>> = {
  gps: "M10 2.5L16 16.5L10 13.3L4 16.5Z",
  energy: "M11.3 2.5L4.5 11.4H9.3L8.7 17.5L15.5 8.6H10.7Z",
  road: "M6.8 3L3.5 17H8.9L9.2 13.5H10.8L11.1 17H16.5L13.2 3H10.4L10.5 6H9.5L9.6 3Z",
  transit:
    "M5.5 3H14.5Q16 3 16 4.5V14Q16 15 15 15V17H13V15H7V17H5V15Q4 15 4 14V4.5Q4 3 5.5 3ZM6 5.5V9.5H14V5.5Z",
  fare: "M10.3 3H16.5V9.2L9.7 16.5Q9 17.2 8.3 16.5L3 11.2Q2.3 10.5 3 9.8ZM13.3 5.2A1.3 1.3 0 1 0 13.3 7.8A1.3 1.3 0 1 0 13.3 5.2Z",
};

/** A domain's sign, in its colour. */
export function DomainIcon({ domain }: { domain: Domain }) {
  return (
    <svg class="domain-icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={domainPaths[domain]} fill-rule="evenodd" />
    </svg>
  );
}
