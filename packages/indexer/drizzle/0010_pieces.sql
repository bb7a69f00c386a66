DROP INDEX "lease_name";--> statement-breakpoint
DROP INDEX "payment_lease";--> statement-breakpoint
CREATE INDEX "lease_name" ON "lease" USING btree ("wished_name","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "payment_lease" ON "payment" USING btree ("lease","block","log_index","part");