/** What a Node costs that is started for nothing at all. */
