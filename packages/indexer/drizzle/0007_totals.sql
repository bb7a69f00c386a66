CREATE TABLE "lease_total" (
	"key" text PRIMARY KEY NOT NULL,
	"worker" text NOT NULL,
	"provider" text NOT NULL,
	"token" text NOT NULL,
	"leases" integer NOT NULL,
	"open" integer NOT NULL,
	"refused" integer NOT NULL,
	"deposit" numeric NOT NULL,
	"spent" numeric NOT NULL,
	"fee" numeric NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tenant_total" (
	"tenant" text PRIMARY KEY NOT NULL,
	"leases" integer NOT NULL
);
