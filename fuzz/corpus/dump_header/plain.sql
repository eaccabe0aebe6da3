--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';
\connect other
COPY public.t (a) FROM stdin;
1
\.
