CREATE INDEX "lease_token" ON "lease" USING btree ("token","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "payment_token" ON "payment" USING btree ("token","block","log_index","part");--> statement-breakpoint
CREATE INDEX "payment_fee" ON "payment" USING btree ("time","token","amount") WHERE kind = 'fee';