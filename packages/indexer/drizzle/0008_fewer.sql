DROP INDEX "lease_token";--> statement-breakpoint
DROP INDEX "lease_open";--> statement-breakpoint
DROP INDEX "payment_token";